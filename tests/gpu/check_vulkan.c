/* SPDX-License-Identifier: Apache-2.0
 *
 * check_vulkan.c - generated GLSL kernels, as SPIR-V, against the interpreter.
 */
#define VK_NO_PROTOTYPES
#include "../kernel_check.h"

#include <dlfcn.h>
#include <vulkan/vulkan.h>

#define VK_CALLS(X)                                                            \
    X(vkCreateInstance) X(vkEnumeratePhysicalDevices)                          \
    X(vkGetPhysicalDeviceProperties) X(vkGetPhysicalDeviceMemoryProperties)    \
    X(vkCreateDevice) X(vkGetDeviceQueue) X(vkCreateBuffer)                    \
    X(vkGetBufferMemoryRequirements) X(vkAllocateMemory) X(vkBindBufferMemory) \
    X(vkMapMemory) X(vkUnmapMemory) X(vkFreeMemory) X(vkDestroyBuffer)         \
    X(vkCreateShaderModule) X(vkDestroyShaderModule)                           \
    X(vkCreateDescriptorSetLayout) X(vkDestroyDescriptorSetLayout)             \
    X(vkCreatePipelineLayout) X(vkDestroyPipelineLayout)                       \
    X(vkCreateComputePipelines) X(vkDestroyPipeline) X(vkCreateDescriptorPool) \
    X(vkDestroyDescriptorPool) X(vkAllocateDescriptorSets)                     \
    X(vkUpdateDescriptorSets) X(vkCreateCommandPool) X(vkAllocateCommandBuffers) \
    X(vkBeginCommandBuffer) X(vkEndCommandBuffer) X(vkResetCommandBuffer)      \
    X(vkCmdBindPipeline) X(vkCmdBindDescriptorSets) X(vkCmdPushConstants)      \
    X(vkCmdDispatch) X(vkQueueSubmit) X(vkQueueWaitIdle)

#define X(name) static PFN_##name p_##name;
VK_CALLS(X)
#undef X

static const char      *folder;
static VkDevice         device;
static VkQueue          queue;
static VkCommandBuffer  commands;
static uint32_t         memory_type;

static const char *open_device(void)
{
    const float priority = 1;
    VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                              .apiVersion = VK_API_VERSION_1_1 };
    VkInstanceCreateInfo ic = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                .pApplicationInfo = &app };
    VkDeviceQueueCreateInfo qc = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                   .queueCount = 1, .pQueuePriorities = &priority };
    VkDeviceCreateInfo dc = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                              .queueCreateInfoCount = 1, .pQueueCreateInfos = &qc };
    VkCommandPoolCreateInfo pc = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT };
    VkCommandBufferAllocateInfo ca = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                       .commandBufferCount = 1 };
    const VkMemoryPropertyFlags want = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
                                     | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties memory;
    VkPhysicalDeviceProperties info;
    VkPhysicalDevice physical[1];
    VkCommandPool pool;
    VkInstance instance = NULL;
    uint32_t n = 1;
    void *lib = dlopen("libvulkan.so.1", RTLD_NOW);
    PFN_vkGetInstanceProcAddr get = NULL;

    if (lib != NULL)
        *(void **)&get = dlsym(lib, "vkGetInstanceProcAddr");
    if (get == NULL)
        return "no libvulkan.so.1";
    p_vkCreateInstance = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    if (p_vkCreateInstance == NULL || p_vkCreateInstance(&ic, NULL, &instance) != VK_SUCCESS)
        return "no Vulkan instance";
#define X(name)                                                                \
    p_##name = (PFN_##name)get(instance, #name);                               \
    if (p_##name == NULL)                                                      \
        return #name;
    VK_CALLS(X)
#undef X
    if (p_vkEnumeratePhysicalDevices(instance, &n, physical) < 0 || n == 0)
        return "no Vulkan device";
    p_vkGetPhysicalDeviceProperties(physical[0], &info);
    printf("device: %s\n", info.deviceName);
    if (p_vkCreateDevice(physical[0], &dc, NULL, &device) != VK_SUCCESS)
        return "no Vulkan device could be opened";
    p_vkGetDeviceQueue(device, 0, 0, &queue);
    p_vkGetPhysicalDeviceMemoryProperties(physical[0], &memory);
    while (memory_type < memory.memoryTypeCount
           && (memory.memoryTypes[memory_type].propertyFlags & want) != want)
        memory_type++;
    if (p_vkCreateCommandPool(device, &pc, NULL, &pool) != VK_SUCCESS)
        return "no command pool";
    ca.commandPool = pool;
    return p_vkAllocateCommandBuffers(device, &ca, &commands) == VK_SUCCESS ? NULL
                                                                            : "no commands";
}

typedef struct block { VkBuffer buffer; VkDeviceMemory memory; void *at; } block;

/* Memory that both sides see, whole words. */
static bool block_open(block *b, size_t bytes)
{
    VkBufferCreateInfo bc = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                              .size = (bytes + 3) / 4 * 4,
                              .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT };
    VkMemoryAllocateInfo ma = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                .memoryTypeIndex = memory_type };
    VkMemoryRequirements need;

    if (p_vkCreateBuffer(device, &bc, NULL, &b->buffer) != VK_SUCCESS)
        return false;
    p_vkGetBufferMemoryRequirements(device, b->buffer, &need);
    ma.allocationSize = need.size;
    return p_vkAllocateMemory(device, &ma, NULL, &b->memory) == VK_SUCCESS
        && p_vkBindBufferMemory(device, b->buffer, b->memory, 0) == VK_SUCCESS
        && p_vkMapMemory(device, b->memory, 0, VK_WHOLE_SIZE, 0, &b->at) == VK_SUCCESS;
}

static void block_close(block *b)
{
    p_vkUnmapMemory(device, b->memory);
    p_vkDestroyBuffer(device, b->buffer, NULL);
    p_vkFreeMemory(device, b->memory, NULL);
}

/* A pipeline for one kernel with n buffers, and its layout. */
typedef struct pipeline {
    VkShaderModule module;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool pool;
    VkDescriptorSet set;
} pipeline;

static bool pipeline_open(pipeline *p, const char *name, uint32_t n, uint32_t push)
{
    VkDescriptorSetLayoutBinding bindings[MLCI_MAX_BUFFERS] = { { 0 } };
    VkDescriptorSetLayoutCreateInfo sc = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = n,
        .pBindings = bindings };
    VkPushConstantRange range = { VK_SHADER_STAGE_COMPUTE_BIT, 0, push };
    VkPipelineLayoutCreateInfo lc = { .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1, .pushConstantRangeCount = 1, .pPushConstantRanges = &range };
    VkShaderModuleCreateInfo mc = { .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO };
    VkComputePipelineCreateInfo cc = { .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO };
    VkDescriptorPoolSize size = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, n };
    VkDescriptorPoolCreateInfo dc = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1, .poolSizeCount = 1, .pPoolSizes = &size };
    VkDescriptorSetAllocateInfo da = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                       .descriptorSetCount = 1 };
    char path[512];
    size_t bytes = 0;
    char *code;

    snprintf(path, sizeof path, "%s/%s.spv", folder, name);
    code = data_read(path, &bytes);
    if (code == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){ i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                      VK_SHADER_STAGE_COMPUTE_BIT, NULL };
    mc.codeSize = bytes;
    mc.pCode = (const uint32_t *)(const void *)code;
    if (p_vkCreateShaderModule(device, &mc, NULL, &p->module) != VK_SUCCESS
        || p_vkCreateDescriptorSetLayout(device, &sc, NULL, &p->set_layout) != VK_SUCCESS)
        return false;
    lc.pSetLayouts = &p->set_layout;
    if (p_vkCreatePipelineLayout(device, &lc, NULL, &p->layout) != VK_SUCCESS)
        return false;
    cc.layout = p->layout;
    cc.stage = (VkPipelineShaderStageCreateInfo){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
        .stage = VK_SHADER_STAGE_COMPUTE_BIT, .module = p->module, .pName = "main" };
    if (p_vkCreateComputePipelines(device, NULL, 1, &cc, NULL, &p->pipeline) != VK_SUCCESS
        || p_vkCreateDescriptorPool(device, &dc, NULL, &p->pool) != VK_SUCCESS)
        return false;
    da.descriptorPool = p->pool;
    da.pSetLayouts = &p->set_layout;
    free(code);
    return p_vkAllocateDescriptorSets(device, &da, &p->set) == VK_SUCCESS;
}

static void pipeline_close(pipeline *p)
{
    p_vkDestroyDescriptorPool(device, p->pool, NULL);
    p_vkDestroyPipeline(device, p->pipeline, NULL);
    p_vkDestroyPipelineLayout(device, p->layout, NULL);
    p_vkDestroyDescriptorSetLayout(device, p->set_layout, NULL);
    p_vkDestroyShaderModule(device, p->module, NULL);
}

static bool submit(const pipeline *p, const int32_t *push, uint32_t n_push, uint32_t groups)
{
    VkCommandBufferBeginInfo bi = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    VkSubmitInfo si = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1,
                        .pCommandBuffers = &commands };

    if (p_vkResetCommandBuffer(commands, 0) != VK_SUCCESS
        || p_vkBeginCommandBuffer(commands, &bi) != VK_SUCCESS)
        return false;
    p_vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, p->pipeline);
    p_vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, p->layout, 0, 1, &p->set,
                              0, NULL);
    p_vkCmdPushConstants(commands, p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, n_push * 4, push);
    p_vkCmdDispatch(commands, groups, 1, 1);
    return p_vkEndCommandBuffer(commands) == VK_SUCCESS
        && p_vkQueueSubmit(queue, 1, &si, NULL) == VK_SUCCESS
        && p_vkQueueWaitIdle(queue) == VK_SUCCESS;
}

static bool run(void *user, const kc_case *c)
{
    const uint32_t n = c->p->n_params + c->p->n_outs;
    block blocks[MLCI_MAX_BUFFERS];
    uint32_t which[MLCI_MAX_BUFFERS], n_blocks = 0, n_push = 0;
    int32_t push[64];
    pipeline p = { 0 };
    bool ok = true;

    (void)user;
    memset(blocks, 0, sizeof blocks);
    for (uint32_t i = 0; i < c->n_sizes; i++)
        push[n_push++] = (int32_t)c->sizes[i];
    for (uint32_t i = 0; i < n; i++)
        if (c->p->buffers[i].place == MLCI_SCALAR)
            memcpy(&push[n_push++], c->arrays[i].data, 4);
        else
            which[n_blocks++] = i;
    push[n_push++] = (int32_t)c->groups;
    if (!pipeline_open(&p, c->p->name, n_blocks, n_push * 4))
        return false;
    for (uint32_t i = 0; i < n_blocks && ok; i++) {
        const uint32_t at = which[i];
        VkDescriptorBufferInfo bi = { NULL, 0, VK_WHOLE_SIZE };
        VkWriteDescriptorSet w = { .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = p.set, .dstBinding = i, .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .pBufferInfo = &bi };

        ok = block_open(&blocks[i], c->bytes[at] + KC_GUARD);
        if (ok)
            memcpy(blocks[i].at, c->arrays[at].data, c->bytes[at] + KC_GUARD);
        bi.buffer = blocks[i].buffer;
        if (ok)
            p_vkUpdateDescriptorSets(device, 1, &w, 0, NULL);
    }
    ok = ok && submit(&p, push, n_push, (uint32_t)(c->groups < 64 ? c->groups : 64));
    for (uint32_t i = 0; i < n_blocks; i++) {
        if (ok && which[i] >= c->p->n_params)
            memcpy(c->arrays[which[i]].data, blocks[i].at, c->bytes[which[i]] + KC_GUARD);
        if (blocks[i].at != NULL)
            block_close(&blocks[i]);
    }
    pipeline_close(&p);
    return ok;
}

int main(int argc, char **argv)
{
    mlc_context *ctx = test_context(NULL);
    const char *why = argc == 2 ? open_device() : "usage: check_vulkan GEN";
    char path[512];

    t_begin();
    if (why != NULL) {
        T_CASE("Vulkan");
        t_skip(why);
    } else {
        folder = argv[1];
        snprintf(path, sizeof path, "%s/gpu.tir", argv[1]);
        kc_file(ctx, path, run, NULL, "Vulkan");
    }
    mlc_context_close(ctx);
    return t_done();
}
